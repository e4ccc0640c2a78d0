"""Choice of Campaign and dataset, and views of it for the Miner."""
