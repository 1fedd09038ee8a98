#!/bin/bash
# Process 1 of a host: host.sh NAME ADDRESS RUN KEEP...  Its own disk (an overlay of this machine's
# that is gone with it), its own /tmp, /home, /root, /run, and an sshd. KEEP... are folders of this
# machine that it sees read-only: the interpreter and its packages. RUN/shared is its /shared, and
# RUN/events its /events.
set -euo pipefail
name=$1 address=$2 run=$3; shift 3
mount --make-rprivate /
hostname "$name"
ip link set lo up
disk=$run/disk; root=$disk/root
mkdir -p "$disk"
mount -t tmpfs -o size=4g disk "$disk"
mkdir -p "$disk/upper" "$disk/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$disk/upper,workdir=$disk/work" root "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t tmpfs -o size=1g shm "$root/dev/shm"
for d in tmp home root run srv; do mount -t tmpfs "$d" "$root/$d"; done
chmod 1777 "$root/tmp" "$root/dev/shm"; chmod 700 "$root/root"
for kept in "$@"; do mkdir -p "$root$kept"; mount --bind -o ro "$kept" "$root$kept"; done
mkdir -p "$root/shared" "$root/events" "$root/run/sshd" "$root/root/.ssh"
mount --bind "$run/shared" "$root/shared"
mount --bind "$run/events" "$root/events"
cp "$run/id.pub" "$root/root/.ssh/authorized_keys"
cp -p "$run/hostkey" "$root/run/hostkey"
cp "$run/bashrc" "$root/root/.bashrc"
: > "$root/etc/resolv.conf"
cd /
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 chroot "$root" \
  /bin/bash -c "/usr/sbin/sshd -D -e -f /dev/null -h /run/hostkey -o ListenAddress=$address \
    -o PermitRootLogin=prohibit-password -o PasswordAuthentication=no -o UsePAM=no -o PidFile=none \
    -o MaxStartups=50 -o MaxSessions=50; exit"
