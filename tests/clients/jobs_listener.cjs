// A listener as its author would write it. It does jobs, and writes down what it does, a line each, into the file that DIARY names: a later life of it
// reads there what an earlier one had done.
const fs = require("node:fs");
const { vendor, note, listen } = require("./jobs_stock.cjs");

const { FlatfileClient } = vendor("@flatfile/api");
const api = new FlatfileClient();
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const noted = (start) =>
  fs.readFileSync(process.env.DIARY, "utf8").split("\n").filter((line) => line.startsWith(start));

async function handle(event, records) {
  const { jobId } = event.context;
  const done = new Set(noted(`${jobId} handled `).map((line) => line.split(" ")[2]));
  await api.jobs.ack(jobId, { info: "Accepted", progress: 0 });
  for (const [index, record] of records.entries()) {
    if (done.has(record)) continue;
    note(jobId, "handled", record);
    await pause(Number(process.env.PAUSE));
    await api.jobs.ack(jobId, { info: `Record ${record}`, progress: (100 * (index + 1)) / records.length });
  }
}

listen(process.env.FLATFILE_ENVIRONMENT_ID, (on) => {
  on.on("**", (event) => note(event.context.jobId, "heard", event.topic, event.src.id));
  on.on("job:ready", { job: "space:submit" }, async (event) => {
    await handle(event, event.payload.input.records);
    await api.jobs.complete(event.context.jobId, { outcome: { message: "All records are in" }, info: "Done" });
  });
  on.on("job:ready", { job: "space:refuse" }, async (event) => {
    const message = "The target refused the batch";
    await api.jobs.fail(event.context.jobId, { info: message, outcome: { acknowledge: true, message, next: { type: "retry" } } });
  });
  on.on("job:ready", { job: "space:share", isPart: false }, async (event) => {
    await api.jobs.ack(event.context.jobId, { info: "Splitting" });
    await api.jobs.split(event.context.jobId, { parts: 3, runInParallel: true });
  });
  on.on("job:ready", { job: "space:share", isPart: true }, async (event) => {
    const part = await api.jobs.get(event.context.jobId);
    await handle(event, [`part${part.data.partData.part}`]);
    await api.jobs.complete(event.context.jobId, {});
  });
  on.on("job:parts-completed", { job: "space:share" }, async (event) => {
    const { parts } = event.payload;
    await api.jobs.complete(event.context.jobId, { outcome: { message: `${parts.completed} of ${parts.total}` } });
  });
});
