"""Fine-tuning: training sets from documents, LoRA training, the registry of adapters, embedder tuning."""
