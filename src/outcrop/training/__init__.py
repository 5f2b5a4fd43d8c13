"""Making and tuning models: runnable scripts in processes of their own. The service never imports this."""
