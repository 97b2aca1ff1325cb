"""The speech to text service of Quintet."""
