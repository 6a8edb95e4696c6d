"""The real scripts, killed with SIGKILL between any two effects while their paper broker lives on, and what follows."""
