#!/usr/bin/env bash
# Debian packages that the Makefile needs, installed as far as this user may.
#
#   scripts/debian.sh python                   a Python that can make virtual environments; fails without
#   scripts/debian.sh components               Prometheus and Alertmanager; says so and goes on without
#   scripts/debian.sh components --required    the same with promtool, amtool, Redis, PostgreSQL, InfluxDB and
#                                              Chromium, which the tests start; fails without
#   scripts/debian.sh java                     a Java for Spark; fails without
#
# What is already on PATH is used, wherever it came from. Only root installs, and only through apt-get. Services
# of these packages are neither started nor left enabled: driftgauge starts what it needs and ends it again.
set -euo pipefail

python=${PYTHON:-python3}
policy=/usr/sbin/policy-rc.d # deb-invoke-rc.d(8): exit code 101 forbids every start of a service

say() { printf '%s\n' "$*" >&2; }

has() { command -v "$1" >/dev/null 2>&1; }

can_install() { [ "$(id -u)" = 0 ] && has apt-get; }

install_packages() {
    local made_policy=no result=0
    say "Installing Debian's $* ..."
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
        made_policy=yes
    fi
    {
        DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null &&
            DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
    } || result=$?
    if [ "$made_policy" = yes ]; then rm -f "$policy"; fi
    return "$result"
}

# A package enables its service at the next boot even when it may not start it now.
disable_service() {
    if [ -d /run/systemd/system ]; then systemctl --quiet disable --now "$1.service" || true; fi
    if has deb-systemd-helper; then deb-systemd-helper disable "$1.service" >/dev/null 2>&1 || true; fi
    if has update-rc.d; then update-rc.d "$1" disable >/dev/null 2>&1 || true; fi
}

python_is_new_enough() {
    has "$python" && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'
}

can_make_environments() {
    has "$python" && "$python" -c 'import ensurepip, venv' 2>/dev/null
}

ensure_python() {
    # Another Python than the system's is somebody's own choice: no package would change it.
    if [ "$python" = python3 ] && ! can_make_environments && can_install; then
        install_packages python3 python3-venv || say "apt-get: found that it failed, need its messages above"
    fi
    if ! python_is_new_enough; then
        local found="no $python"
        if has "$python"; then found=$("$python" --version 2>&1); fi
        say "Python: found $found, need 3.11 or newer; name one with: make PYTHON=/path/to/python3.11 ..."
        exit 2
    fi
    if ! can_make_environments; then
        say "Python: found no venv module in $python, need it: apt-get install python3-venv"
        exit 2
    fi
}

missing_components() {
    has prometheus || echo prometheus
    has prometheus-alertmanager || has alertmanager || echo prometheus-alertmanager
    if [ "$1" = --required ]; then
        has promtool || echo prometheus
        has amtool || echo prometheus-alertmanager
        has redis-server || echo redis-server
        ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || has initdb || echo postgresql
        has chromium || echo chromium
    fi
}

# A newer Debian may no longer have it; its tests are then left out, and say so.
try_influxdb() {
    if has influxd || ! can_install; then return; fi
    if install_packages influxdb; then disable_service influxdb; fi || say "influxdb: not installed, its tests are skipped"
}

ensure_components() {
    local missing
    if [ "$1" = --required ]; then try_influxdb; fi
    missing=$(missing_components "$1" | sort -u)
    if [ -z "$missing" ]; then return; fi
    if can_install; then
        # shellcheck disable=SC2086  # package names are words
        if install_packages $missing; then
            for service in $missing; do disable_service "$service"; done
            missing=$(missing_components "$1" | sort -u)
            if [ -z "$missing" ]; then return; fi
        fi
    fi
    say "Components: found no $(echo "$missing" | paste -sd' ' | sed 's/ / and no /') on PATH." \
        "They come with: apt-get install $(echo "$missing" | paste -sd' ')" \
        "(as root), or from prometheus.io/download."
    if [ "$1" = --required ]; then
        say "The tests need them. Without them: .venv/bin/python -m pytest -m 'not stack'"
        exit 2
    fi
}

ensure_java() {
    if has java; then return; fi
    if can_install; then
        install_packages openjdk-17-jre-headless || say "apt-get: found that it failed, need its messages above"
    fi
    if ! has java; then
        say "Java: found no java on PATH, need 17 or newer for Spark: apt-get install openjdk-17-jre-headless"
        exit 2
    fi
}

case ${1:-} in
python) ensure_python ;;
components) ensure_components "${2:-}" ;;
java) ensure_java ;;
*)
    say "usage: scripts/debian.sh python | components [--required] | java"
    exit 2
    ;;
esac
