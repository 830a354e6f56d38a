"""Other trainers, run beside ours: TRL (two versions) and a plain loop, each as a child process between two files."""
