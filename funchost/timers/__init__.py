"""Timer triggers: schedules, the record of when each ran last, and the listener that fires them."""
