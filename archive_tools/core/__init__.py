"""What every package shares: errors, days, arrays, findings. It imports nothing of ours."""
