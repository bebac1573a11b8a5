# Every recipe is in scripts/recipe.sh; `make check` is what `bash test.sh` and CI do.
RECIPES := lint format type test test-fast attack docs bench lock check
.DEFAULT_GOAL := check
.PHONY: setup live-check $(RECIPES)

setup:
	@bash scripts/setup.sh dev

$(RECIPES): setup
	@bash scripts/recipe.sh $@

# asks a real model, at your expense: make live-check MODEL=openai:gpt-5 [BASE_URL=http://…] [ARGS="--nodes 4 --cost 0.5"]
live-check: setup
	@bash scripts/recipe.sh live-check $(if $(MODEL),--model '$(MODEL)') $(if $(BASE_URL),--base-url '$(BASE_URL)') $(ARGS)
