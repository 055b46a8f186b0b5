# FAT cannot be frozen so that its files are whole on the disk, so it is remounted read-only once the hook has
# stopped its writer; ext4 is frozen under one that never stops.
mount_fat_and_ext4
head -c 300000 /dev/urandom >sound
cp sound boot/sound
cp sound data/sound
sync

fsctl append data/log &
cat >start <<-END
	fsctl append $work/boot/log >/dev/null 2>&1 &
	echo \$! >$work/writer
END
sh start
profile <<-END
	[disk card]
	path = /dev/vda
	[mount $work/boot]
	quiesce = remount-ro
	[mount $work/data]
	quiesce = freeze
	[hooks]
	quiesce = kill \$(cat writer)
	release = sh start
END
while [ ! -s boot/log ] || [ ! -s data/log ]; do sleep 0.1; done
backup card.gmi
cat said
gmi verify card.gmi

# Released: both are written to again.
for log in boot/log data/log; do
	before=$(stat -c %s $log)
	while [ $(stat -c %s $log) -le $before ]; do sleep 0.1; done
done

gmi extract card.gmi card-p1 -o boot.img
gmi extract card.gmi card-p2 -o data.img
fsck.vfat -n boot.img
e2fsck -fn data.img
mkdir b d
mount -o loop,ro boot.img b
mount -o loop,ro,noload data.img d
cmp sound b/sound
cmp sound d/sound
