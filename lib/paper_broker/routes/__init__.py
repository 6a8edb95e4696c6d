"""The handlers of the paper broker's paths: each is given a Call and returns a Response."""
