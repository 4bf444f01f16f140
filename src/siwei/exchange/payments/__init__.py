"""What is due paid through banks: orders, approvals, files, statements, invoices, and money that comes back."""
