"""What is said about a picture to a person who cannot see it, in English, Hindi and Marathi."""
