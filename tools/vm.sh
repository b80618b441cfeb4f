#!/usr/bin/env bash
# MecaPy under Debian's own kernel and systemd, in qemu: `tools/vm.sh [BOOT...]`, all boots of the table
# below without an argument. Ends with 0 when everything held in each of them. Leaves nothing but
# build/vm: the image of the root, the kernel, and for each boot NAME.log and NAME.console.
set -euo pipefail
cd "$(dirname "$0")/.."

# name | what the kernel is told besides | what tools/vm/guest.sh does, by KVM | and emulated
BOOTS=(
  "v2||full|small"
  "hybrid|systemd.unified_cgroup_hierarchy=0|room|limits"
  "v1|systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1|room|limits"
  "no-memory|cgroup_disable=memory|nothing|nothing"
)
SECONDS_OF_A_BOOT=4800
KVM_TRIAL_SECONDS=20

# Where this machine's own packages come from.
SOURCES=/etc/apt/sources.list
[ -e $SOURCES ] || SOURCES=/etc/apt/sources.list.d/debian.sources
# What the guest has besides the libraries our programs are linked with.
GUEST_PACKAGES=(
  linux-image-amd64 systemd systemd-sysv libpam-systemd dbus udev kmod mount procps python3.11 python3.11-venv
)
MEMORY_MB=4096

vm=build/vm
say() { printf '==> %s\n' "$*" >&2; }

# The Debian packages of the libraries that the programs are linked with.
libraries() {
  ldd build/mecapy build/mecapy-zygote build/sandbox_test | awk '/=> \//{print $3}' | sort -u \
    | sed 's!.*/!*/x86_64-linux-gnu/!' | xargs dpkg -S | cut -d: -f1 | sort -u
}

# Debian 12 as it comes, with a unit that starts the guest's part and then switches the machine off.
make_root() {
  local packages stamp
  packages=$(printf '%s\n' "${GUEST_PACKAGES[@]}" $(libraries) | sort -u | paste -sd,)
  stamp=$(printf '%s' "$packages" | cat - tools/vm/mecapy-vm.service | sha256sum)
  [ "$(cat $vm/root.stamp 2>/dev/null)" = "$stamp" ] && return
  say "making a Debian 12 root with its stock kernel"
  rm -rf $vm/root $vm/root.*
  mmdebstrap --quiet --variant=minbase --include="$packages" --dpkgopt=force-unsafe-io \
    --aptopt='Acquire::Retries "3"' bookworm $vm/root "$SOURCES"
  printf 'LABEL=root / ext4 defaults 0 1\nLABEL=work /mecapy ext4 defaults 0 2\n' >$vm/root/etc/fstab
  echo mecapy-vm >$vm/root/etc/hostname
  mkdir -p $vm/root/mecapy
  cp tools/vm/mecapy-vm.service $vm/root/etc/systemd/system/
  ln -s ../mecapy-vm.service $vm/root/etc/systemd/system/multi-user.target.wants/
  cp $vm/root/boot/vmlinuz-* $vm/vmlinuz
  cp $vm/root/boot/initrd.img-* $vm/initrd.img
  make_image root 2500M
  rm -rf $vm/root
  printf '%s' "$stamp" >$vm/root.stamp
}

# $vm/$1.ext4 of $2 bytes with the content of the folder $vm/$1.
make_image() {
  rm -f "$vm/$1.ext4"
  mke2fs -q -t ext4 -L "$1" -d "$vm/$1" "$vm/$1.ext4" "$2"
}

# The repository's files as they are now, and of build/ the programs and both Python environments.
make_work() {
  say "packing the programs and the tests"
  rm -rf $vm/work
  mkdir -p $vm/work/build
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t $vm/work
  cp -al build/mecapy build/mecapy-zygote build/sandbox_test build/venv build/test-venv $vm/work/build
  ln -s ../runtime/python $vm/work/build/runtime
  make_image work 2000M
  rm -rf $vm/work
}

# The machine, with what all boots share; $1 is the accelerator.
machine() {
  # Where KVM itself runs in a virtual machine, that one may not set the register of this feature.
  local cpu=max; [ "$1" = kvm ] && cpu=host,arch-capabilities=off
  local given=(
    -machine "pc,accel=$1" -cpu "$cpu" -smp 2 -nodefaults -no-user-config -no-reboot -display none
    -monitor none -nic none -kernel $vm/vmlinuz
  )
  shift
  exec qemu-system-x86_64 "${given[@]}" "$@"
}

# Whether KVM runs a kernel as it comes: one without a root must get as far as its panic. A KVM that
# runs in a virtual machine without its hardware's help may be there and be of no use.
has_kvm() {
  [ -w /dev/kvm ] || return 1
  timeout $KVM_TRIAL_SECONDS bash -c "$(declare -f machine); vm=$vm; machine kvm -m 1024 -serial stdio \
    -append 'console=ttyS0 panic=-1'" </dev/null 2>/dev/null | grep -q 'Kernel panic'
}

# Boots once; the status is the guest's word, and a guest that says none has failed.
boot() {
  local name=$1 words=$2 set=$3 accel=$4
  say "boot $name: ${words:-as Debian does}, $set, on $accel"
  local disk=format=raw,if=virtio,snapshot=on
  export TMPDIR=$PWD/$vm
  timeout --kill-after=5 $SECONDS_OF_A_BOOT bash -c "$(declare -f machine); vm=$vm; machine \"\$@\"" - \
    "$accel" -m $MEMORY_MB -serial file:"$vm/$name.console" -serial stdio -device virtio-rng-pci \
    -initrd $vm/initrd.img -drive file=$vm/root.ext4,$disk -drive file=$vm/work.ext4,$disk \
    -append "root=/dev/vda ro console=ttyS0 panic=-1 systemd.show_status=0 mecapy.set=$set $words" \
    </dev/null | sed -u 's/\r$//' | tee "$vm/$name.log" || say "qemu ended with an error, or out of time"
  [ "$(tail -n 1 "$vm/$name.log")" = "guest: everything held" ] && return
  say "boot $name FAILED; see $vm/$name.log and $vm/$name.console"
  return 1
}

main() {
  local accel=tcg failed=() row name words with_kvm emulated set
  mkdir -p $vm
  make_root
  make_work
  if has_kvm; then accel=kvm; else say "no KVM that runs Debian's kernel: emulated, a smaller set"; fi
  for row in "${BOOTS[@]}"; do
    IFS='|' read -r name words with_kvm emulated <<<"$row"
    [ $# -eq 0 ] || [[ " $* " = *" $name "* ]] || continue
    set=$emulated; [ $accel = kvm ] && set=$with_kvm
    boot "$name" "$words" "$set" $accel || failed+=("$name")
  done
  rm -f $vm/work.ext4
  [ ${#failed[@]} -eq 0 ] || { say "failed: ${failed[*]}"; return 1; }
  say "every boot held"
}

main "$@"
