"""What shows that the proof can fail: the stages with a deliberate defect each, and the schedules that break them."""
