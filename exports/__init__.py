"""What is handed over: a pack, its pages, its seal, and the verifier. Imports the controls and evidence rooms."""
