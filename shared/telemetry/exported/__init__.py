"""What the process says of itself, given to OpenTelemetry's SDK: imported where there is somewhere
to send it, and nowhere else."""
