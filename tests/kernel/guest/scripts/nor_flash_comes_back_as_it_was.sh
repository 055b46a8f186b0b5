# mtdram stands for NOR: a bit may be cleared at any time, setting it means erasing its block.
modprobe mtdram total_size=1024 erase_size=64
mtd_debug info /dev/mtd0
head -c 700000 /dev/urandom >old
mtd_debug write /dev/mtd0 0 700000 old
mtd_debug read /dev/mtd0 0 1048576 was

profile <<-END
	[disk flash]
	path = /dev/mtd0
	type = flash
END
backup flash.gmi
gmi verify flash.gmi
gmi extract flash.gmi flash -o image
cmp was image

mtd_debug erase /dev/mtd0 131072 65536    # block 2: all ones, where data was
printf 'changed' >few
mtd_debug write /dev/mtd0 900000 7 few    # block 13: data, where ones were
restore flash.gmi
mtd_debug read /dev/mtd0 0 1048576 is
cmp was is

# A restore of what is there wears nothing.
restore_recorded flash.gmi equal
[ $(erasures equal) = 0 ]
[ $(writes equal) = 0 ]

# Ones that become data need no erasing; data that become ones do, and only their block.
mtd_debug erase /dev/mtd0 131072 65536
restore_recorded flash.gmi cleared
[ $(erasures cleared) = 0 ]
[ $(writes cleared) -gt 0 ]
mtd_debug write /dev/mtd0 900000 7 few
restore_recorded flash.gmi set
[ $(erasures set) = 1 ]
mtd_debug read /dev/mtd0 0 1048576 is
cmp was is
