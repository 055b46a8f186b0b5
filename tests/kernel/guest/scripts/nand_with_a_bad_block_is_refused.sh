modprobe nandsim first_id_byte=0x20 second_id_byte=0x33 parts=128 badblocks=5
profile <<-END
	[disk flash]
	path = /dev/mtd0
	type = flash
END
status=0
backup flash.gmi || status=$?
[ $status = 8 ]
grep -q 'block 5 at offset 81920 is bad' said
[ ! -e flash.gmi ]
