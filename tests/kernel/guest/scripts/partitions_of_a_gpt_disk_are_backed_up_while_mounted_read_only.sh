# The kernel's own parser finds the partitions; other people's tools judge what comes out of the backup.
partition_disk 40 40
mkfs.vfat -n BOOT /dev/vda1
mkfs.ext4 -q /dev/vda2
mkdir boot data
mount -t vfat /dev/vda1 boot
mount -t ext4 /dev/vda2 data
cp /init boot/kernel
cp /init data/settings
mount -o remount,ro boot
mount -o remount,ro data

profile <<-END
	[disk card]
	path = /dev/vda
	[mount *]
	quiesce = none
END
backup card.gmi
gmi info card.gmi
gmi extract card.gmi card-p1 -o boot.img
gmi extract card.gmi card-p2 -o data.img
fsck.vfat -n boot.img
e2fsck -fn data.img
mkdir again
mount -o loop,ro boot.img again
cmp again/kernel /init
