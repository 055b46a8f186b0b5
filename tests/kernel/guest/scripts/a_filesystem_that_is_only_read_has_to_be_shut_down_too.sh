# ext4 that is mounted read-only still notes in its superblock that it has read garbage.
partition_disk 12
mkdir mnt
for how in left shut_down; do
	mkfs.ext4 -q -F /dev/vda1
	mount -t ext4 /dev/vda1 mnt
	mkdir mnt/one mnt/two
	cp /init mnt/one
	umount mnt
	mount -t ext4 -o ro /dev/vda1 mnt
	[ $how = left ] || fsctl shutdown mnt 2
	head -c 12582912 /dev/urandom >restored
	dd if=restored of=/dev/vda bs=1M seek=1 oflag=direct conv=notrunc 2>/dev/null
	ls -lR mnt || true
	umount mnt
	dd if=/dev/vda of=is bs=1M skip=1 count=12 iflag=direct 2>/dev/null
	if [ $how = left ]; then ! cmp restored is; else cmp restored is; fi
done
