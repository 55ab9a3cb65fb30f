"""The page at `/admin/durable`: what a developer sees of instances and entities. It is rendered
here whole, works without scripts, and changes nothing."""
