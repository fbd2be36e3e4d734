# The controllers: the crates whose Cargo.toml has the table [package.metadata.controller]. Sourced after steps.sh.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153  # for whoever sources it; ROOT is set by steps.sh

CONTROLLERS=()
# The same as arguments of cargo.
CONTROLLER_PACKAGES=()
for controller in $(grep -lx '\[package\.metadata\.controller\]' "$ROOT"/crates/*/Cargo.toml); do
	CONTROLLERS+=("$(basename "$(dirname "$controller")")")
	CONTROLLER_PACKAGES+=(--package "${CONTROLLERS[-1]}")
done
unset controller
