def write_page(docs, figures):
    pass
