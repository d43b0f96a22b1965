#!/bin/sh
# Installs the servers and programs that the tests start on loopback, where they are missing: Debian packages when we are root, npm packages
# into tests/npm. Where they cannot be had, the tests that need them fail and say so; nothing is skipped in silence.
set -eu
cd "$(dirname "$0")/.."

missing=""

# want COMMAND PACKAGE...: notes the Debian packages that bring a command which is not there.
want() {
    command="$1"
    shift
    PATH="$PATH:/usr/sbin:/sbin" command -v "$command" >/dev/null 2>&1 || missing="$missing $*"
}

ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || want postgres postgresql
want mariadbd mariadb-server-core
want node nodejs
# The driver of SQL Server loads this library.
ls /usr/lib/*/libltdl.so.7 >/dev/null 2>&1 || missing="$missing libltdl7"
# The drivers that tests reach by ODBC.
ls /usr/lib/*/odbc/libsqlite3odbc.so >/dev/null 2>&1 || missing="$missing libsqliteodbc unixodbc"
ls /usr/lib/*/odbc/psqlodbcw.so >/dev/null 2>&1 || missing="$missing odbc-postgresql"
want npm npm
# The browser that the console's tests drive, and letters for it.
want chromium chromium fonts-dejavu-core

if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "Missing, and not to be installed from here (not root, or no apt-get):$missing" >&2
        echo "Install them (Debian: apt-get install$missing), or the tests that need them will fail." >&2
    else
        export DEBIAN_FRONTEND=noninteractive
        # The package would start a cluster of its own; the tests start theirs.
        mkdir -p /etc/postgresql-common
        [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
        apt-get update -qq
        # shellcheck disable=SC2086 — a list of package names
        apt-get install -y -qq $missing
    fi
fi

# Azurite, newman and the clients, at the versions and hashes that the lock file names.
if ! cmp -s tests/npm/package-lock.json tests/npm/node_modules/.installed 2>/dev/null; then
    if command -v npm >/dev/null 2>&1; then
        (cd tests/npm && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error)
        cp tests/npm/package-lock.json tests/npm/node_modules/.installed
    else
        echo "npm is missing: the tests that start Azurite, newman or a client in JavaScript will fail." >&2
    fi
fi
