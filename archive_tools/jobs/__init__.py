"""Logs and jobs: the day's index, the servers behind them, scoreboards, slow OSTs, history."""
