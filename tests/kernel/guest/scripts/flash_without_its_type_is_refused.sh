modprobe mtdram total_size=128 erase_size=64
profile <<-END
	[disk flash]
	path = /dev/mtd0
END
status=0
backup flash.gmi || status=$?
[ $status = 8 ]
grep -q 'give it `type = flash`' said
