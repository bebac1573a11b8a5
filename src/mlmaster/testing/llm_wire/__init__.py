"""What the pretended provider (`mlmaster.testing.llm_server`) reads and writes: a module for each protocol.

`exchange` has the data they share and the questions that each protocol answers, `openai` what three of them have in common.
"""
