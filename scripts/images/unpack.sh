#!/bin/sh
# Unpacks every image of an OCI layout into a directory that a node's containerd can begin with. Runs in mount and pid
# namespaces of its own, which take containerd with them.
# Usage: unpack.sh <layout> <containerd's root> <name of an image…>; images of other names are removed from the root.
set -eu
layout=$1
root=$2
shift 2
mount -t tmpfs tmpfs /run
socket=/run/containerd.sock
cat >/run/config.toml <<EOF
version = 2
root = "$root"
state = "/run/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$socket"
[plugins."io.containerd.internal.v1.opt"]
  path = "/run/opt"
EOF
containerd --config=/run/config.toml --log-level=warn &
images() { ctr --address="$socket" --namespace=k8s.io images "$@"; }
tries=0
until images list --quiet >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 600 ] || exit 1
  sleep 0.1
done
tar -C "$layout" -cf - blobs index.json oci-layout | images import - >/dev/null
for name in $(images list --quiet); do
  case " $* " in
    *" $name "*) ;;
    *) images remove --sync "$name" >/dev/null ;;
  esac
done
# It closes its databases.
kill "$!"
wait "$!" || true
