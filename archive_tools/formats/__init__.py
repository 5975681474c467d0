"""One file each: what is in it, and how it is read and written; each encoder beside its decoder."""
