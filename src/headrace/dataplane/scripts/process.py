"""The process that runs scripts: a program of its own, started as a file, that knows nothing of Headrace and loads next to nothing.

What it runs is hostile. So it has no environment, may open no file and start no process, has little memory, and is killed by the system when one call
takes too long, even inside of the engine, where nothing else can interrupt it. Who started it (``runner``) believes nothing of what it answers.

Frames are four bytes of length, and that many bytes. It says ``b"ready"`` once. A request is a frame of JSON (``script``, ``records``: how many,
``call_seconds``, ``request_seconds``, ``heap_bytes``, ``stack_bytes``, ``answer_characters``) and a frame for each record, as listeners see
records. For each record it answers ``b"="`` and JSON (``id``, ``values``, ``metadata``, ``config``), at once, so that whoever reads knows which one
killed it; the first that fails ends the request, with ``b"!"`` and words, or ``b"?"`` and words when the script itself is none.
"""

import ctypes
import errno
import json
import os
import platform
import resource
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any

import quickjs  # type: ignore[import-untyped]  # it ships no type information

_IN, _OUT, _ERRORS = 0, 1, 2
_SPARE_BYTES = 64 << 20
"""Memory beside the engine's heap: for a request and its answers."""
_IDLE_SECONDS = 60
_PATIENCE = 10
"""How many times the time of a call it may take until the system kills this process; the engine stops most scripts long before."""

_NO_FUNCTION = "it is no function; give a function declaration, a function expression or an arrow function"
_GLOBALS = """
Object Error EvalError RangeError ReferenceError SyntaxError TypeError URIError InternalError AggregateError Array
Iterator parseInt parseFloat isNaN isFinite decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape
Infinity NaN undefined Number Boolean String Math Reflect Symbol globalThis Date RegExp JSON Proxy Map Set WeakMap
WeakSet ArrayBuffer DataView BigInt Promise Uint8ClampedArray Int8Array Uint8Array Int16Array Uint16Array Int32Array
Uint32Array BigInt64Array BigUint64Array Float16Array Float32Array Float64Array
"""

_SYSTEM_CALLS = {
    # read write close mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn sched_yield mremap madvise alarm setitimer getpid exit
    # gettimeofday getrusage futex restart_syscall clock_gettime exit_group getrandom
    "x86_64": (
        *(0xC000003E, 317),
        (0, 1, 3, 9, 10, 11, 12, 13, 14, 15, 24, 25, 28, 37, 38, 39, 60, 96, 98, 202, 219, 228, 231, 318),
    ),
    "aarch64": (
        *(0xC00000B7, 277),
        (63, 64, 57, 222, 226, 215, 214, 134, 135, 139, 124, 216, 233, 103, 172, 93, 169, 165, 98, 128, 113, 94, 278),
    ),
}
"""By machine: its number, that of the call that sets filters, and those of the calls that are needed."""

# It keeps to itself what it needs of the language before the script can change it. Whatever the script does to its surroundings, it does to itself:
# the context lives for one request, and answers are checked outside.
_FRAME = r"""
((allowed, most) => {
  "use strict";
  const {parse, stringify} = JSON;
  const {create, defineProperty, getOwnPropertyNames, getPrototypeOf, hasOwn, keys} = Object;
  const {isArray} = Array;
  const {ownKeys} = Reflect;
  const [Failure, Text, Later] = [Error, String, Promise];
  const slice = Function.prototype.call.bind(String.prototype.slice);
  const given = parse(allowed);
  for (const name of ownKeys(globalThis)) if (!given.includes(name)) delete globalThis[name];
  const none = function () { throw new TypeError("code cannot be made of text here"); };
  for (const sample of [function () {}, function* () {}, async function () {}, async function* () {}])
    defineProperty(getPrototypeOf(sample), "constructor", {value: none, writable: false, configurable: false});

  const words = (thrown) => {
    try {
      if (!(thrown instanceof Failure)) return `it threw ${slice(Text(thrown), 0, 300)}`;
      const message = Text(thrown.message);
      return slice(message ? `${Text(thrown.name)}: ${message}` : Text(thrown.name), 0, 300);
    } catch {
      return "it threw something that cannot be put into words";
    }
  };
  const isObject = (value) => typeof value === "object" && value !== null && !isArray(value);
  const valueOf = (cell) =>
    isObject(cell) && typeof cell.toJSON !== "function" ? (hasOwn(cell, "value") ? cell.value : undefined) : cell;

  const changed = (mutate, text) => {
    const record = parse(text);
    const hidden = (value) => ({value, enumerable: false, writable: true, configurable: true});
    defineProperty(record, "get", hidden((key) => {
      const cell = record.values[key];
      return isObject(cell) ? cell.value : cell;
    }));
    defineProperty(record, "set", hidden((key, value) => {
      const cell = record.values[key];
      if (hasOwn(record.values, key) && isObject(cell)) cell.value = value ?? null;
      else defineProperty(record.values, key, {value: {value: value ?? null}, enumerable: true, writable: true, configurable: true});
      return record;
    }));
    const answer = mutate(record) ?? record;
    if (answer instanceof Later) return "!it answers with a promise; it has to answer at once";
    if (!isObject(answer)) return `!it answers with ${isArray(answer) ? "an array" : `a ${typeof answer}`}, not with a record`;
    const cells = answer.values;
    if (!isObject(cells)) return "!its answer has no values";
    const values = create(null);
    for (const key of keys(cells)) {
      const cell = cells[key];
      const value = cell === undefined ? null : valueOf(cell);
      if (value !== undefined) values[key] = value;
      else if (isObject(cell) && hasOwn(cell, "value")) values[key] = null;
    }
    const result = stringify({id: answer.id, values, metadata: answer.metadata, config: answer.config});
    return result.length > most ? `!its answer has more than ${most} characters` : `=${result}`;
  };
  return (mutate) => (text) => {
    try {
      return changed(mutate, text);
    } catch (thrown) {
      return `!${words(thrown)}`;
    }
  };
})
"""


class _Refused(Exception):
    """The script is none, or cannot be made ready; the words say why."""


def main() -> None:
    """Run what is asked for, until nobody asks any more."""
    # Its argument: bytes that the heap of a script may have.
    _shut_in()
    _write(b"ready")
    while True:
        # Nobody may want anything for long: then it ends, and costs nothing.
        signal.alarm(_IDLE_SECONDS)
        asked = json.loads(_read())
        signal.alarm(0)
        records = [_read() for _ in range(asked["records"])]
        _answer(asked, records)


def _answer(asked: dict[str, Any], records: list[bytes]) -> None:
    call_seconds = asked["call_seconds"]
    end = time.process_time() + asked["request_seconds"]
    try:
        call = _compiled(asked)
    except _Refused as refused:
        _write(b"?" + str(refused).encode("utf-8", "replace"))
        return
    for record in records:
        _watch(call_seconds)
        reply = _called(call, record.decode(), asked)
        _watch(0)
        if time.process_time() > end:
            reply = f"!all records of a request together took longer than {asked['request_seconds']:g} s"
        _write(reply.encode("utf-8", "replace"))
        if not reply.startswith("="):
            return


def _compiled(asked: dict[str, Any]) -> Any:
    """Return what calls the script, as a function of one record's JSON."""
    context = quickjs.Context()
    context.set_memory_limit(asked["heap_bytes"])
    context.set_max_stack_size(asked["stack_bytes"])
    frame = context.eval(_FRAME)(json.dumps(_GLOBALS.split()), asked["answer_characters"])
    context.set_time_limit(asked["call_seconds"])
    script = asked["script"]
    if "\0" in script:
        message = "it has a character of code 0"
        raise _Refused(message)
    _watch(asked["call_seconds"])
    try:
        function = _evaluated(context, script)
    except quickjs.JSException as error:
        raise _Refused(_words(error, asked)) from None
    except (TypeError, ValueError):
        # A number that Python has no room for.
        raise _Refused(_NO_FUNCTION) from None
    finally:
        _watch(0)
    if not isinstance(function, quickjs.Object) or not context.eval("(value) => typeof value === 'function'")(function):
        raise _Refused(_NO_FUNCTION)
    called = frame(function)
    # What was compiled lives as long as its context.
    return lambda text, _context=context: called(text)


def _evaluated(context: quickjs.Context, script: str) -> Any:
    """Return what the script says: the function that stands there, or that its last statement is."""
    try:
        return context.eval(f"({script.rstrip().rstrip(';')}\n)")
    except quickjs.JSException as error:
        if not str(error).startswith("SyntaxError"):
            raise
        try:
            return context.eval(script)
        except quickjs.JSException as second:
            # Neither is a function. What is wrong with one says the first reading.
            raise (error if str(second).startswith("SyntaxError") else second) from None


def _called(call: Any, record: str, asked: dict[str, Any]) -> str:
    began = time.process_time()
    try:
        reply = call(record)
    except quickjs.JSException as error:
        return "!" + _words(error, asked)
    # Some of the engine's own work cannot be interrupted, and comes to an end all the same.
    if time.process_time() - began > 2 * asked["call_seconds"]:
        return "!" + _too_long(asked)
    if not isinstance(reply, str):
        return "!it answers with nothing that can be read"
    return f"!{_too_much(asked)}" if reply == "!InternalError: out of memory" else reply


def _words(error: quickjs.JSException, asked: dict[str, Any]) -> str:
    first = str(error).partition("\n")[0][:300]
    if first.startswith("InternalError: interrupted"):
        return _too_long(asked)
    if "out of memory" in first or first.strip() in {"", "null"}:
        return _too_much(asked)
    return first


def _too_long(asked: dict[str, Any]) -> str:
    return f"it took longer than {round(asked['call_seconds'] * 1000)} ms"


def _too_much(asked: dict[str, Any]) -> str:
    return f"it takes more memory than {asked['heap_bytes'] >> 20} MB"


def _watch(seconds: float) -> None:
    """Have the system kill this process when it has worked for too long from now on; 0: no longer."""
    signal.setitimer(signal.ITIMER_PROF, seconds * _PATIENCE)


def _shut_in() -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, _ERRORS)
    os.close(nothing)
    mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    memory = mapped + _SPARE_BYTES + int(sys.argv[1])
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(what, (most, most))
    _allow_few_calls()


def _allow_few_calls() -> None:
    """Let the kernel refuse whatever is not needed for reading, computing and answering, where it can do that."""
    known = _SYSTEM_CALLS.get(platform.machine())
    if known is None:
        return
    architecture, seccomp, allowed = known
    load, equals, answer = 0x20, 0x15, 0x06
    refuse, allow, die = 0x00050000 | errno.EPERM, 0x7FFF0000, 0x80000000
    steps = [(load, 0, 0, 4), (equals, 1, 0, architecture), (answer, 0, 0, die), (load, 0, 0, 0)]
    # Each comparison jumps to the last step, behind the refusal.
    steps += [(equals, len(allowed) - place, 0, number) for place, number in enumerate(allowed)]
    steps += [(answer, 0, 0, refuse), (answer, 0, 0, allow)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    filter_ = struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(program))
    libc = ctypes.CDLL(None)
    no_new_privileges, set_filter, all_threads = 38, 1, 1
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) == 0:
        libc.syscall(ctypes.c_long(seccomp), set_filter, all_threads, filter_)


def _read() -> bytes:
    length = int.from_bytes(_read_exactly(4), "big")
    return _read_exactly(length)


def _read_exactly(count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = os.read(_IN, min(count - len(parts), 1 << 16))
        if not part:
            # Nobody is there any more.
            os._exit(0)
        parts += part
    return bytes(parts)


def _write(frame: bytes) -> None:
    left = memoryview(len(frame).to_bytes(4, "big") + frame)
    while left:
        left = left[os.write(_OUT, left) :]


if __name__ == "__main__":
    main()
