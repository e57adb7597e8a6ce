#!/usr/bin/env bash
# Stores two pages with varvectl, sees them, reads them back, and drops the namespace. An example,
# and a test: ends with "ok", or with the first thing that is not as it should be.
#
#   docs/examples/pages.sh            against $VARVE_ENDPOINT, else 127.0.0.1:4770
#
# VARVECTL names the program (default: varvectl in PATH).
set -euo pipefail
varvectl=${VARVECTL:-varvectl}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
name=example-$$

# Two pages of 100,000 bytes each. Their ids are hashes of the tokens before them: 64 tokens a page.
head -c 200000 /dev/urandom >"$folder/pages"
tokens=$(seq -s, 1 128)
selection=(--namespace "$name" --tokens "$tokens" --page-tokens 64)

"$varvectl" ping >/dev/null
"$varvectl" namespace create "$name" --description "an example" >/dev/null
"$varvectl" put "${selection[@]}" --file "$folder/pages" --durable >/dev/null
"$varvectl" lookup "${selection[@]}" --json | grep -Eq '"hit_?[pP]ages" ?: ?2'
"$varvectl" get "${selection[@]}" --output "$folder/back"
cmp "$folder/pages" "$folder/back"
"$varvectl" namespace drop "$name" >/dev/null
# What is gone is not found: exit code 3.
code=0
"$varvectl" get "${selection[@]}" --output - >/dev/null 2>&1 || code=$?
[[ $code == 3 ]]
echo ok
