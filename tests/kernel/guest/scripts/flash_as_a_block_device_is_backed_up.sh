modprobe mtdram total_size=256 erase_size=64
modprobe mtdblock
head -c 262144 /dev/urandom >old
mtd_debug write /dev/mtd0 0 262144 old
profile <<-END
	[disk flash]
	path = /dev/mtdblock0
	type = flash
END
backup flash.gmi
gmi extract flash.gmi flash -o image
cmp old image
