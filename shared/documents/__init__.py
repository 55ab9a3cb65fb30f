"""Documents by id: Cosmos DB where there is an account, else an SQLite file. One port for both."""
