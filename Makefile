# Every recipe is in scripts/recipe.sh; `make check` is what `bash test.sh` and CI do.
RECIPES := lint format type test test-fast attack docs bench lock check
.DEFAULT_GOAL := check
.PHONY: setup $(RECIPES)

setup:
	@bash scripts/setup.sh dev

$(RECIPES): setup
	@bash scripts/recipe.sh $@
