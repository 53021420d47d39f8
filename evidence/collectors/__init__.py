"""The collectors that come with Muniment; they are found by entry point, like anyone's."""
