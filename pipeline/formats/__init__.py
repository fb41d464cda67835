"""Reading and writing of tables, images, arrays and documents; the base class of parameters."""
