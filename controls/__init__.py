"""What is claimed: frameworks, controls, a workspace, and what the evidence says of them over a period.

The nouns are in `model`, the files that people write in `files`, `load_workspace` in `workspace`, `load_library` and
`load_frameworks` in `catalog`, `assess` in `assess`. Nothing is imported here, so that each is paid for when needed.
"""
