#!/bin/sh
# Installs the servers that the tests start on loopback, where they are missing and we are root.
# Where they cannot be had, the tests that need them fail and say so; nothing is skipped in silence.
set -eu

have_postgres() {
    command -v postgres >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1
}

if have_postgres; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "PostgreSQL is not installed and cannot be installed from here (not root, or no apt-get)." >&2
    echo "Install it (Debian: apt-get install postgresql), or the tests that need it will fail." >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# The package would start a cluster of its own; the tests start theirs.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
apt-get update -qq
apt-get install -y -qq postgresql
