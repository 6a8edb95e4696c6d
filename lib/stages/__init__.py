"""One file a stage, each of the same three steps: gather, plan; `lib.apply` does the third."""
