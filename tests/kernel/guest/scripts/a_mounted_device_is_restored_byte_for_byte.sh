# A restore beneath an ext4 that is written to and mapped all the time, and that nothing can unmount: the writers
# get errors, and the whole disk is afterwards what it was at the backup.
partition_disk 24 24
mkfs.ext4 -q /dev/vda1
mkfs.ext4 -q /dev/vda2
mkdir one two again
mount -t ext4 /dev/vda1 one
mount -t ext4 /dev/vda2 two
cp /init one/settings
profile <<-END
	[disk card]
	path = /dev/vda
	[mount *]
	quiesce = freeze
END
backup card.gmi

fsctl append one/log &
fsctl dirty two/map &
while [ ! -s one/log ] || [ ! -s two/map ]; do sleep 0.1; done
restore card.gmi
cat said
restored() { dd if=/dev/vda bs=1M count=64 iflag=direct 2>/dev/null | sha256sum; }
then=$(restored)
for writer in $(pidof fsctl); do kill -9 $writer; done
wait || true
umount one
umount -l two
sync
[ "$then" = "$(restored)" ]
dd if=/dev/vda of=one.img bs=1M skip=1 count=24 iflag=direct
e2fsck -fn one.img
mount -o loop,ro,noload one.img again
cmp /init again/settings
[ ! -e again/log ]
