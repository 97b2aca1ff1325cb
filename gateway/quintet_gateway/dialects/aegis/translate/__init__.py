"""What the assistant returns, in the words of the document, by subject."""
