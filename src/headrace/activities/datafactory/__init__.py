"""What the activities of Data Factory pipelines do (contract 8), and how their expressions are evaluated.

dialect          expressions, policies and failures in the words of Data Factory
system           what an expression sees: system variables, variables, activities
attempt          one attempt: its document evaluated, noted, masked and kept within limits
loops, branches  ForEach and Until; IfCondition and Switch
steps            Filter, Wait, Fail
variables        SetVariable and AppendVariable
children         ExecutePipeline, and what it needs of whoever starts pipelines
web, web_hook, azure_function
                 calls of endpoints, all through ``calls``, and the guard behind it
validation       waiting for files
linked           datasets and linked services, with their parameters and secrets
unsupported      every other type: refused, or handed to a command or an endpoint that the operator has named
"""
