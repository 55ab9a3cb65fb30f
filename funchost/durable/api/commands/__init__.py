"""`python -m funchost durable ...`: looks at the instances of a state folder and acts upon them,
while hosts run on it and while none does."""
