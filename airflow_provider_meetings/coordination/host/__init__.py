"""Share between the processes of one host, through locked files."""
