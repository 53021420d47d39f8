"""The parts of the claims collector: fetching a page, and finding a sentence in what it shows."""
