"""The speed of every path, each measurement beside what it is compared with."""
