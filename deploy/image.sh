#!/bin/sh
# Builds the image `readerstudy` with buildah. Where no registry is reached: DEBOOTSTRAP=yes makes its base from a Debian
# mirror and, on the same base, the images of the database, Redis and nginx that compose.yaml takes from a registry.
#   TORCH_WHEELS=FOLDER   holds the CPU build of torch; without it PIP_EXTRA_INDEX_URL or PyPI's CUDA build
#   MIRROR=ADDRESS        Debian's, for debootstrap;  CERTIFICATES=FILE  authorities that pip shall trust while building
set -eu
cd "$(dirname "$0")/.."
base=debian:bookworm-slim
if [ "${DEBOOTSTRAP:-no}" = yes ]; then
  base=localhost/readerstudy-base
  if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    debootstrap --variant=minbase --include=ca-certificates bookworm "$folder/root" "${MIRROR:-http://deb.debian.org/debian}"
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$folder/root" /
    buildah commit --quiet "$container" "$base"
    buildah rm "$container" >/dev/null
  fi
fi
set -- --build-arg BASE="$base"
[ -z "${TORCH_WHEELS:-}" ] || set -- "$@" --volume "$TORCH_WHEELS:/wheels:ro" --build-arg PIP_FIND_LINKS=/wheels
[ -z "${PIP_EXTRA_INDEX_URL:-}" ] || set -- "$@" --build-arg PIP_EXTRA_INDEX_URL="$PIP_EXTRA_INDEX_URL"
[ -z "${CERTIFICATES:-}" ] || set -- "$@" --volume "$CERTIFICATES:/certificates.crt:ro" --env PIP_CERT=/certificates.crt
# Without --format docker the health check is left out of the image.
buildah build --format docker --layers "$@" --tag localhost/readerstudy .
if [ "${DEBOOTSTRAP:-no}" = yes ]; then
  for part in database redis proxy; do
    buildah build --format docker --layers --build-arg BASE="$base" --target "$part" --tag "localhost/readerstudy-$part" deploy/debian
  done
fi
