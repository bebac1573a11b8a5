"""Who proposes solutions."""
