"""Fine-tuning: training sets from documents, LoRA training, validation, embedder tuning."""
