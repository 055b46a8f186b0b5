# What the restore of a living device rests on, where the ext4 is as old as the field's. Freezing and shutting
# down stops the writers; but ext4 of this kernel still writes its superblock when it is unmounted. A partition
# that is shrunk to one sector is out of its filesystem's reach, while the whole disk is as it was.
partition_disk 12
head -c 12582912 /dev/urandom >restored
mkdir mnt

overwrite() { dd if=restored of=/dev/vda bs=1M seek=1 oflag=direct conv=notrunc 2>/dev/null; }
disk_is_as_restored() {
	sync
	dd if=/dev/vda of=is bs=1M skip=1 count=12 iflag=direct 2>/dev/null
	cmp restored is
}

for kind in append dirty; do
	for shrunk in no yes; do
		resizepart /dev/vda 1 24576
		mkfs.ext4 -q -F /dev/vda1
		mount -t ext4 /dev/vda1 mnt
		fsctl $kind mnt/file &
		writer=$!
		while [ ! -s mnt/file ]; do sleep 0.1; done
		fsctl stop mnt
		[ $shrunk = no ] || resizepart /dev/vda 1 1
		overwrite
		ls -l mnt || true
		kill -9 $writer
		wait $writer || true
		umount mnt
		if [ $shrunk = yes ]; then disk_is_as_restored; else ! disk_is_as_restored; fi
	done
done
