/** The bundled OpenAPI documents, for the services' validation and docs pages. */
import mediatorDocument from './mediator.openapi.gen.json' with { type: 'json' };
import storageNodeDocument from './storage-node.openapi.gen.json' with { type: 'json' };

export const openApiDocuments: { mediator: object; storageNode: object } = {
  mediator: mediatorDocument,
  storageNode: storageNodeDocument,
};
