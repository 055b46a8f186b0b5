# nandsim: a partition of 2 MiB, pages of 512 bytes, erase blocks of 16 KiB.
modprobe nandsim first_id_byte=0x20 second_id_byte=0x33 parts=128
mtdinfo /dev/mtd0
head -c 300000 /dev/urandom >old
nandwrite -q -p /dev/mtd0 old
nanddump -q --bb=dumpbad -f was /dev/mtd0

profile <<-END
	[disk flash]
	path = /dev/mtd0
	type = flash
END
backup flash.gmi
flash_erase -q /dev/mtd0 32768 2
nandwrite -q -p -s 1048576 /dev/mtd0 /init
restore flash.gmi
nanddump -q --bb=dumpbad -f is /dev/mtd0
cmp was is

restore_recorded flash.gmi equal
[ $(erasures equal) = 0 ]
[ $(writes equal) = 0 ]
